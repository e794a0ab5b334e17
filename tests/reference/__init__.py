"""A second, dumber judge, written from rules.md, that the real one is compared with."""
