-- Movements at a counter of 100,000 pesos and more, in either direction.
SELECT _object, _position, folio, amount
FROM branch_postings
WHERE abs(amount) >= 100000
