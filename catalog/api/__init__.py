"""Questions of machines: JSON, GeoJSON, the FDSN services."""
