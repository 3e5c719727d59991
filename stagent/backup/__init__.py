"""One file that holds a site: its database and documents, its own profiles and prices.

A tar archive, so that what is in it can be looked at. It is made while the site runs: the rows
are those of one moment, and the documents are those that the rows name. A document never changes,
so its file need only be kept from being deleted meanwhile, by a second name (a hard link).
"""
