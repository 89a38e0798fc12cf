-- Closed credits that still owe something, or did not close on this day.
SELECT _object, _position, credit_id, balance, closed_on
FROM credits
WHERE status = 'CLOSED'
  AND (balance <> 0 OR closed_on IS NULL OR closed_on <> :reference_date)
