"""Rule files in YAML: read with their lines, checked, described by a JSON schema."""
