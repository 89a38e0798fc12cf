-- Three sections: movements by type, granted loans by status, accounts by statement.
SELECT 'ACCOUNTS' AS section, frequency AS name, accounts AS records, 0 AS movements,
  CAST(0 AS DECIMAL(18, 2)) AS movement_amount, CAST(0 AS DECIMAL(18, 2)) AS loan_amount
FROM accounts
WHERE reference_date = :reference_date
UNION ALL
SELECT 'LOANS', status, count(*), 0, CAST(0 AS DECIMAL(18, 2)), CAST(sum(amount) AS DECIMAL(18, 2))
FROM loans
WHERE reference_date = :reference_date AND granted
GROUP BY status
UNION ALL
SELECT 'MOVEMENTS', type, count(*), count(*), CAST(sum(amount) AS DECIMAL(18, 2)),
  CAST(0 AS DECIMAL(18, 2))
FROM movements
WHERE reference_date = :reference_date
GROUP BY type
ORDER BY section, name
