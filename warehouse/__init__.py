"""Findings in, DuckDB out. The only importer of duckdb."""
