-- Plan B: the daily credit report on raw alone, each source as its contract reads it.
WITH movements AS (
  SELECT credit_id, kind, amount, 'card' AS origin
  FROM card_events
  UNION ALL
  SELECT
    credit_id,
    CASE kind WHEN 'PAGO' THEN 'PAYMENT' WHEN 'CARGO' THEN 'CHARGE' ELSE 'REFUND' END AS kind,
    amount,
    'branch' AS origin
  FROM branch_movements
),
positions AS (
  SELECT
    c.credit_id,
    c.client_id,
    c.product,
    k.segment,
    c.granted_on,
    c.granted_amount,
    c.balance,
    c.status
  FROM credits AS c
  LEFT JOIN clients AS k ON k.client_id = c.client_id
),
moved AS (
  SELECT
    p.product,
    p.segment,
    count(*) AS movements,
    sum(CASE WHEN m.kind IN ('CHARGE', 'FEE', 'INTEREST') THEN m.amount ELSE 0 END) AS charges,
    sum(CASE WHEN m.kind = 'PAYMENT' THEN m.amount ELSE 0 END) AS payments,
    sum(CASE WHEN m.kind = 'REFUND' THEN m.amount ELSE 0 END) AS refunds,
    sum(CASE WHEN m.origin = 'card' THEN m.amount ELSE 0 END) AS card_net,
    sum(CASE WHEN m.origin = 'branch' THEN m.amount ELSE 0 END) AS branch_net
  FROM movements AS m
  JOIN positions AS p ON p.credit_id = m.credit_id
  GROUP BY p.product, p.segment
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
  FROM positions
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
