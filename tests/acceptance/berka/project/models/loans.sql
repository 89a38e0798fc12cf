-- Each loan, and whether it had been granted by the reference date.
SELECT
  loan_id,
  account_id,
  granted_on,
  granted_on <= :reference_date AS granted,
  amount,
  status,
  _object,
  _position
FROM loan
