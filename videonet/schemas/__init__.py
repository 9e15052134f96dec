"""Every record that VideoNet writes: names, types, units and meaning.

Code, files and reports use these names. A record is a frozen `Record`; the comments of its fields
are the documentation. `record.arrow_schema` gives the same record as the schema of a table.
"""
