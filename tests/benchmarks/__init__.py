"""Speed against what people use now; run by `make bench`, never by pytest."""
