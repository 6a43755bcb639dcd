"""What is kept: tables, the session, and one file of queries per aggregate."""
