-- Movements on the days before their account was opened.
SELECT m._object, m._position, m.trans_id
FROM movements AS m
JOIN account AS a ON a.account_id = m.account_id
WHERE a.opened_on > :reference_date
