"""How merchants' sources are doing: counted as deliveries come in, and told without reading any of them."""
