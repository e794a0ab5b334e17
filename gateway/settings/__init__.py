"""Floor 6: an operator's TOML files as frozen structs; each part defines its own limits, settings fills them."""
