"""Tables of embeddings: how they are kept, looked up and told from other weights."""
