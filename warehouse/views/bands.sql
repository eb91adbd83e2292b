-- one row per scorecard and band; a score bears the highest band that it reaches
create view bands as
select scorecard, band, from_score
from core.bands;
comment on view bands is 'One row per named band of scores: the lowest score that bears the name. Key: scorecard, band.';
