-- Each card event with the product and segment it belongs to.
SELECT
  e.event_id,
  e.credit_id,
  e.client_id,
  c.product,
  c.segment,
  e.kind,
  e.amount,
  e.currency,
  e.occurred_at,
  e._object,
  e._position
FROM card_events AS e
LEFT JOIN credit_positions AS c ON c.credit_id = e.credit_id
