"""How long it takes from the click on "Open page" to the first page as the browser has it, in a program that has never
opened one; not a test by itself.

    python tests/bench/page.py [--times 8]     prints a table and adds its figures to history.json beside it

Each time in a process of its own, in which nothing of the page was imported before: until there is an address, and
until the page, its styles and its scripts have come, over real HTTP. Beside it, the same page once more; and how long
the CPU was used until the page was there, which is the same whatever else the machine does.
"""

from __future__ import annotations

import re
import statistics
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1])]

import history
import processes

MOST_S = 1.0


def once(folder: Path) -> dict[str, float]:
    """The figures of one program, in this process."""
    import httpx

    from tray import app, events, instance
    from tray.settings import Settings

    drafts = folder / "drafts"
    drafts.mkdir()
    held = instance.acquire(folder)
    assert held is not None
    program = app.open_app(Settings(drafts_dir=drafts), folder, held, events.Bus(), resume=False, token="t")
    httpx.Client().close()  # what the measuring itself imports
    assert "fastapi" not in sys.modules and "tray.web.site" not in sys.modules
    began, used = time.perf_counter(), time.process_time()
    address = program.page.url(program)
    has_address = time.perf_counter()
    with httpx.Client(follow_redirects=True) as client:

        def load(url: str) -> str:
            page = client.get(url)
            assert page.status_code == 200
            for found in re.findall(r'(?:src|href)="(static/[^"]+)"', page.text):
                assert client.get(page.url.join(found)).status_code == 200
            return str(page.url)

        url = load(address)
        is_there, has_used = time.perf_counter(), time.process_time()
        load(url)
        again = time.perf_counter()
    program.close()
    return {
        "address_s": has_address - began, "page_s": is_there - began, "again_s": again - is_there,
        "cpu_s": has_used - used,
    }  # fmt: skip


def main() -> int:
    rows = {}
    for name, (_first, *several) in processes.figures(once, __file__, times=8).items():  # that reads from the disk
        rows[name] = {"median_s": statistics.median(several), "least_s": min(several), "most_s": max(several)}
        print(f"{name:10} {rows[name]['median_s']:6.2f} s   ({min(several):.2f} to {max(several):.2f})")
    history.add({f"the page, {name}": row for name, row in rows.items()})
    return 0 if rows["page_s"]["median_s"] <= MOST_S else 1


if __name__ == "__main__":
    sys.exit(main())
