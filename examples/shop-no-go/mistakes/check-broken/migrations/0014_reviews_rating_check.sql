-- The form has five stars. The old shop had ten.
alter table reviews add constraint reviews_rating_check check (rating between 1 and 5);
