"""The one reading of data: how a raw value becomes a typed one, wherever it comes from.

A CSV field, a JSON value, an Arrow value, an element of a request's tensor and a label are read by the same
rules, so that what a model learnt from is what it is asked with.

- `form`: how a column's values are written, as its training data settled it.
- `missing`: the texts that mean "not known".
- `written`: how numbers are written in text, as patterns that `re` and Arrow both take.
- `written_dates`: dates by a format, in a whole column, as strptime reads one.
- `reading`: one raw value; needs the standard library and numpy only, as a model server has no Arrow.
- `arrays`: a whole Arrow column at once, with the same result; `from_text` and `from_typed` by what it holds.
"""
