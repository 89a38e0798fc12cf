-- Each credit of the day with its client's segment and its stage of arrears.
SELECT
  c.credit_id,
  c.client_id,
  c.product,
  k.segment,
  k.state,
  c.granted_on,
  c.granted_amount,
  c.day_movement,
  c.balance,
  c.days_past_due,
  CASE
    WHEN c.days_past_due = 0 THEN 'A0'
    WHEN c.days_past_due < 30 THEN 'A1'
    WHEN c.days_past_due < 90 THEN 'A2'
    ELSE 'A3'
  END AS arrears_stage,
  c.status,
  c.closed_on,
  c._object,
  c._position
FROM credits AS c
LEFT JOIN clients AS k ON k.client_id = c.client_id
