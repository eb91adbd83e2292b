-- The one clock by which days and weeks are counted and times are shown: that of the newest run's [site] timezone.

create or replace macro site_timezone() as coalesce((select timezone from core.site), 'UTC');
comment on macro site_timezone is 'The IANA zone by whose clock days and weeks are counted.';
