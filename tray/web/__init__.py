"""The page: what the program shows in the browser, and the HTTP API that the page uses. Imported when it is opened."""
