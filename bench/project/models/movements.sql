SELECT
  e.event_id,
  e.credit_id,
  c.client_id,
  c.product,
  k.segment,
  e.kind,
  e.amount,
  e.currency,
  e.occurred_at,
  e.channel,
  e._object,
  e._position
FROM card_events AS e
LEFT JOIN credits AS c ON c.credit_id = e.credit_id
LEFT JOIN clients AS k ON k.client_id = c.client_id
