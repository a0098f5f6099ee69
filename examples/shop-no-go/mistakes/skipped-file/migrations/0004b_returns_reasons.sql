-- Written in 2024, merged last week.
update returns set reason = 'too_small' where reason = 'too small';
