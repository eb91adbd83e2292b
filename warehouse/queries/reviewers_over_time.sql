-- Do reviewers agree with each other, month by month? Under 20 findings are too few to tell.
select reviewed_month as month, reviewer, other_reviewer, both_judged,
    if(both_judged >= 20, round(100 * agreement, 1), null) as percent_agreed,
    if(both_judged >= 20, round(kappa, 2), null) as kappa,
    if(both_judged >= 20, round(kappa_low, 2), null) as low,
    if(both_judged >= 20, round(kappa_high, 2), null) as high,
    case
        when both_judged < 20 then 'too few to tell'
        when kappa_high < 0.6 then 'low: agree on what the rule means before judging more'
    end as note
from reviewer_agreement
order by month desc, reviewer, other_reviewer;
