"""What is known: data, search, exchange, formats, downloads, API, map data."""
