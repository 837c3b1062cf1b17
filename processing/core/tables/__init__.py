"""Shipped numerical tables and the scripts that make them."""
