"""The copy of a region's files at another site, from which it goes on there when the site that leads it is lost.

`send` is a service of the region's run and reads its files; `keep` is a process at the other site and writes them; `frames`
is what goes between both; `copies` is a copy on its disk, whoever looks at it.
"""
