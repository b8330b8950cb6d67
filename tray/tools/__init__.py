"""The tools a bot may call on this machine: typed functions under the names that the local plugin declares."""
