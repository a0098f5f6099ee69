-- Copies: the settings of database $1, and of roles in it, to database $2. There is no statement that
-- does: `alter database … set` takes each value as text, and lists are quoted otherwise. Needs a
-- superuser. Serves 15 to 18.
insert into pg_db_role_setting (setdatabase, setrole, setconfig)
select (select oid from pg_database where datname = $2), setrole, setconfig
from pg_db_role_setting
where setdatabase = (select oid from pg_database where datname = $1)
