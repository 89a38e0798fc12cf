-- Credits by product and segment: balances, clients, the day's movements, new and closed
-- credits, arrears. Ordered by product and segment.
WITH movements AS (
  SELECT product, segment, kind, amount, 'card' AS origin
  FROM card_movements
  WHERE reference_date = :reference_date
  UNION ALL
  SELECT product, segment, kind, amount, 'branch' AS origin
  FROM branch_postings
  WHERE reference_date = :reference_date
),
moved AS (
  SELECT
    product,
    segment,
    count(*) AS movements,
    sum(CASE WHEN kind IN ('CHARGE', 'FEE', 'INTEREST') THEN amount ELSE 0 END) AS charges,
    sum(CASE WHEN kind = 'PAYMENT' THEN amount ELSE 0 END) AS payments,
    sum(CASE WHEN kind = 'REFUND' THEN amount ELSE 0 END) AS refunds,
    sum(CASE WHEN origin = 'card' THEN amount ELSE 0 END) AS card_net,
    sum(CASE WHEN origin = 'branch' THEN amount ELSE 0 END) AS branch_net
  FROM movements
  GROUP BY product, segment
),
held AS (
  SELECT
    product,
    segment,
    count(*) AS credits,
    count(DISTINCT client_id) AS clients,
    sum(balance) AS balance,
    count(CASE WHEN granted_on = :reference_date THEN 1 END) AS new_credits,
    sum(CASE WHEN granted_on = :reference_date THEN granted_amount ELSE 0 END) AS new_amount,
    count(CASE WHEN status = 'CLOSED' THEN 1 END) AS closed_credits,
    count(CASE WHEN status = 'ARREARS' THEN 1 END) AS arrears_credits,
    sum(CASE WHEN status = 'ARREARS' THEN balance ELSE 0 END) AS arrears_balance
  FROM credit_positions
  WHERE reference_date = :reference_date
  GROUP BY product, segment
)
SELECT
  'D' AS record_type,
  h.product,
  h.segment,
  h.credits,
  h.clients,
  CAST(h.balance AS DECIMAL(18, 2)) AS balance,
  h.new_credits,
  CAST(h.new_amount AS DECIMAL(18, 2)) AS new_amount,
  h.closed_credits,
  coalesce(m.movements, 0) AS movements,
  CAST(coalesce(m.charges, 0) AS DECIMAL(18, 2)) AS charges,
  CAST(coalesce(m.payments, 0) AS DECIMAL(18, 2)) AS payments,
  CAST(coalesce(m.refunds, 0) AS DECIMAL(18, 2)) AS refunds,
  CAST(coalesce(m.card_net, 0) AS DECIMAL(18, 2)) AS card_net,
  CAST(coalesce(m.branch_net, 0) AS DECIMAL(18, 2)) AS branch_net,
  h.arrears_credits,
  CAST(h.arrears_balance AS DECIMAL(18, 2)) AS arrears_balance
FROM held AS h
LEFT JOIN moved AS m ON m.product = h.product AND m.segment = h.segment
ORDER BY h.product, h.segment
