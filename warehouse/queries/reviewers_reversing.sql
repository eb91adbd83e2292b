-- How often does each reviewer reverse the rule, month by month? Under 20 findings are too few to tell.
select reviewed_month as month, reviewer, count(is_reversed) as judged, count(*) filter (is_reversed) as reversed,
    if(judged >= 20, round(100 * reversed / judged, 1), null) as percent,
    if(judged >= 20, round(100 * wilson_low(reversed, judged), 1), null) as low,
    if(judged >= 20, round(100 * wilson_high(reversed, judged), 1), null) as high,
    if(judged < 20, 'too few to tell', null) as note
from reviewer_verdicts
group by all
order by month desc, reviewer;
