SELECT credit_id, balance, credit_limit, _object, _position
FROM credits
WHERE balance > 2 * credit_limit
