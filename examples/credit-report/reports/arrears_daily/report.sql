-- Each credit in arrears, ordered by its number.
SELECT
  '2' AS record_type,
  credit_id,
  client_id,
  product,
  segment,
  granted_on,
  days_past_due,
  arrears_stage,
  balance
FROM credit_positions
WHERE reference_date = :reference_date AND status = 'ARREARS'
ORDER BY credit_id
