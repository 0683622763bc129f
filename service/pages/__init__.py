"""The web pages: documents in the wire format go in, HTML comes out.

Imports `search.analysis.figures`, the list of `search.exports.catalog`, Jinja2 and the files beside
it; neither the database nor the web framework. What a page shows is what the API answers, so that
both say the same; figures are drawn by Plotly's script in the browser. `service.api.routes.pages`
gathers the documents and serves.
"""
