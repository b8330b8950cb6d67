"""A loopback Coze: it speaks the recorded protocol, for `coze-tray demo` and for the tests. No account, no network."""
