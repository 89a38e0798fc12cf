-- Each movement with its account's district; a blank symbol is no symbol.
SELECT
  t.trans_id,
  t.account_id,
  a.district_id,
  t.type,
  t.operation,
  nullif(trim(t.k_symbol), '') AS symbol,
  t.amount,
  t.balance,
  t._object,
  t._position
FROM trans AS t
LEFT JOIN account AS a ON a.account_id = t.account_id
