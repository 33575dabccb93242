"""Running a search: processes that propose networks, measure them and tell the study."""
