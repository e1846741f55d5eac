"""Features once, used twice: what a view is, how its rows are made, and where they are looked up.

    of_spec       views_of(spec, other): the views that a model.yaml asks for, as plain data
    aggregation   view_rows(view, table, created=...): a view's rows from those of its source
    expressions   Expression.parse("amount / amount_sum_7d").evaluate(columns)

Feast lives in an environment of its own: nothing here imports it. What serving needs (view, expressions)
needs neither Arrow nor YAML.
"""
