-- Which questions are answered with no most often, and how surely?
select rule_id, asks, sum(judged) as judged, sum(missed) as missed,
    round(100 * sum(missed) / nullif(sum(judged), 0), 1) as percent_missed,
    round(100 * wilson_low(sum(missed), sum(judged)), 1) as low,
    round(100 * sum(unsure) / nullif(sum(applicable), 0), 1) as percent_unsure
from rules_by_week
where status = 'live'
group by rule_id, asks
having sum(judged) > 0
order by low desc, rule_id;
