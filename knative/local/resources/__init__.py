"""The objects the runtime knows: their kinds, which fields they may have, and the store that keeps them."""
