WITH credit AS (
  SELECT
    c.product,
    k.segment,
    count(*) AS credits,
    sum(c.balance) AS balance,
    sum(CASE WHEN c.days_past_due > 30 THEN c.balance ELSE 0 END) AS arrears
  FROM credits AS c
  JOIN clients AS k ON k.client_id = c.client_id AND k.reference_date = c.reference_date
  WHERE c.reference_date = :reference_date
  GROUP BY c.product, k.segment
), movement AS (
  SELECT
    product,
    segment,
    count(*) AS movements,
    sum(CASE WHEN kind = 'PAYMENT' THEN amount ELSE 0 END) AS payments,
    sum(CASE WHEN kind = 'CHARGE' THEN amount ELSE 0 END) AS charges,
    sum(CASE WHEN kind = 'REFUND' THEN amount ELSE 0 END) AS refunds
  FROM movements
  WHERE reference_date = :reference_date
  GROUP BY product, segment
)
SELECT
  credit.product,
  credit.segment,
  credit.credits,
  credit.balance,
  credit.arrears,
  coalesce(movement.movements, 0) AS movements,
  coalesce(movement.payments, 0) AS payments,
  coalesce(movement.charges, 0) AS charges,
  coalesce(movement.refunds, 0) AS refunds
FROM credit
LEFT JOIN movement ON movement.product = credit.product AND movement.segment = credit.segment
ORDER BY credit.product, credit.segment
