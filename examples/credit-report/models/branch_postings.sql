-- Each branch line in the words of the card events, with its product and segment.
SELECT
  b.folio,
  b.branch,
  b.credit_id,
  b.client_id,
  c.product,
  c.segment,
  CASE b.kind WHEN 'PAGO' THEN 'PAYMENT' WHEN 'CARGO' THEN 'CHARGE' ELSE 'REFUND' END AS kind,
  b.amount,
  b._object,
  b._position
FROM branch_movements AS b
LEFT JOIN credit_positions AS c ON c.credit_id = b.credit_id
