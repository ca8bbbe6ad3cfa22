"""References that exist only as repositories, one module per family.

They are run where `$VITPOS_REPOSITORIES` is a folder with clones at OWNER/NAME, by
`pytest -m oracle`. Nothing of them is part of this project.
"""
