-- one row per rule of the rulebook in force
create view rules as
select rule_id, rulebook_version, step, asks, why, sources, status, applies, matcher, speaker, milestone
from core.rules
join core.rulebook_in_force using (rulebook_version);
comment on view rules is 'One row per rule of the rulebook in force: what it asks, why, and where it comes from. Key: rule_id.';
