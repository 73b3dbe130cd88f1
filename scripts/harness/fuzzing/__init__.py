"""Random bytes for everything that reads files: whole datasets damaged, and single parsers guided by coverage."""
