-- Accounts that do not have exactly one owner.
SELECT a._object, a._position, a.account_id
FROM account AS a
LEFT JOIN disp AS d ON d.account_id = a.account_id AND d.type = 'OWNER'
GROUP BY a._object, a._position, a.account_id
HAVING count(d.disp_id) <> 1
