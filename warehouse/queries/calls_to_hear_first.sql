-- Which calls of the newest week should be listened to first, and where?
-- $scorecard  The scorecard whose critical rules count. Without it: select 'house'
select f.call_id, f.agent_name, f.asks, f.quote, f.at_s
from findings f
join scorecard_rules s on s.rule_id = f.rule_id and s.scorecard = $scorecard and s.critical
where f.verdict = 'missed' and f.is_proven and f.iso_week = (select max(iso_week) from weeks where calls > 0)
order by f.started_at, f.call_id, f.rule_id;
