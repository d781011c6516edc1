"""The NGSI-LD view over a real store: what neither the routes nor the store alone can show."""
