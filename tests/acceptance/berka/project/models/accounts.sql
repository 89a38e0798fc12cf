-- Accounts open on the reference date, by how often their owners get a statement.
SELECT
  a.frequency,
  count(*) AS accounts,
  count(DISTINCT d.client_id) AS owners
FROM account AS a
JOIN disp AS d ON d.account_id = a.account_id AND d.type = 'OWNER'
JOIN client AS c ON c.client_id = d.client_id
WHERE a.opened_on <= :reference_date
GROUP BY a.frequency
ORDER BY a.frequency
