"""What a person sees: figures, widgets, progress bars, the report.

In: tables, images, histories, models. Out: pictures and widgets; no result is computed here.
`style` has colours and footers; `plots` and `network_plots` are figures to keep, `quick` those that
a widget draws at every move; `widgets` follow the mouse; `report` gathers what the notebooks wrote.
"""
