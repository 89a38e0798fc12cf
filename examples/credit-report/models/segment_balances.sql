-- Balance, credits and clients by product and segment.
SELECT
  product,
  segment,
  count(*) AS credits,
  count(DISTINCT client_id) AS clients,
  CAST(sum(balance) AS DECIMAL(18, 2)) AS balance
FROM credit_positions
GROUP BY product, segment
ORDER BY product, segment
