-- create table
CREATE TABLE `odd``name` (`tenant` BIGINT NOT NULL, `id` VARCHAR(255) CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */ NOT NULL, `name` LONGTEXT, `seen` DATETIME(6), `phones` JSON, `score` DECIMAL(65,30), PRIMARY KEY (`tenant`, `id`)) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin

-- upsert where the key is the only unique index
INSERT INTO `odd``name` (`tenant`, `id`, `name`) VALUES (?1, ?2, ?3) ON DUPLICATE KEY UPDATE `name` = VALUES(`name`)

-- upsert where there is another
UPDATE `odd``name` SET `name` = ?3 WHERE `tenant` = ?1 AND `id` = ?2
-- and, where no row was changed
INSERT INTO `odd``name` (`tenant`, `id`, `name`) VALUES (?1, ?2, ?3)
-- and then
SELECT `seen` FROM `odd``name` WHERE `tenant` = ?1 AND `id` = ?2

-- batch
SELECT `w`.n - 1 FROM JSON_TABLE(?1, '$[*]' COLUMNS (n FOR ORDINALITY, v0 LONGTEXT PATH '$[0]', v1 LONGTEXT PATH '$[1]', v2 LONGTEXT PATH '$[2]', v3 LONGTEXT PATH '$[3]', v4 LONGTEXT PATH '$[4]', v5 LONGTEXT PATH '$[5]', v6 LONGTEXT PATH '$[6]', v7 LONGTEXT PATH '$[7]', v8 LONGTEXT PATH '$[8]', v9 LONGTEXT PATH '$[9]', v10 LONGTEXT PATH '$[10]', v11 LONGTEXT PATH '$[11]', v12 LONGTEXT PATH '$[12]', v13 LONGTEXT PATH '$[13]', v14 LONGTEXT PATH '$[14]', v15 LONGTEXT PATH '$[15]')) AS `w` CROSS JOIN `odd``name` AS r WHERE r.`name` = `w`.v0 COLLATE utf8mb4_bin

-- lock
SELECT `id` FROM `odd``name` WHERE `tenant` = ?1 AND `id` = ?2 FOR UPDATE

-- statement timeout of MariaDB
SET SESSION max_statement_time = 60.000

-- statement timeout of MySQL
SET SESSION max_execution_time = 60000

