-- The 95 % interval of a rate of k in n (Wilson 1927, score interval); NULL where n is 0.
-- It takes the n as independent: pooled figures of few agents are less certain than it says.

create or replace macro wilson_low(k, n) as
    case when n > 0 then
        greatest(0.0, (k / n + 1.9207294103470613 / n
            - 1.959963984540054 * sqrt(k / n * (1 - k / n) / n + 0.9603647051735307 / n / n))
            / (1 + 3.8414588206941227 / n))
    end;
comment on macro wilson_low is 'Lower end of the 95 % interval of k in n.';

create or replace macro wilson_high(k, n) as
    case when n > 0 then
        least(1.0, (k / n + 1.9207294103470613 / n
            + 1.959963984540054 * sqrt(k / n * (1 - k / n) / n + 0.9603647051735307 / n / n))
            / (1 + 3.8414588206941227 / n))
    end;
comment on macro wilson_high is 'Upper end of the 95 % interval of k in n.';
